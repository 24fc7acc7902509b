"""Changes to a clip before it is learned from: speed, noise, pitch, reverb, masks, joining."""
