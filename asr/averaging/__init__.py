"""The mean of several models' weights, of any family that stores them as safetensors."""
