"""What can be done to a mask in memory: works on an array it is given and says what it touched."""
