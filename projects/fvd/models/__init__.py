"""Four models that predict videos, behind one seam (`seam.Model`)."""
