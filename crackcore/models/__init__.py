"""Networks and their files: weights never travel without their description. (No torch in this file.)"""

from crackcore.models.catalogue import create_network as create_network
