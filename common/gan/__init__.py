"""What papers on generative adversarial networks share: see each module."""
