"""The project file. The only room that speaks HDF5: open, do, close."""
