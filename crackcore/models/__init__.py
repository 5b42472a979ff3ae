"""Networks and their files: weights never travel without their description. (No torch in this file.)"""
