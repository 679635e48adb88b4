"""What a load needs: the model, the sizes that follow from it, and what they cost. No I/O."""
