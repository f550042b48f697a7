"""Functions of numbers that users write: taken apart, and compiled by Numba to loops that the kernels call."""
