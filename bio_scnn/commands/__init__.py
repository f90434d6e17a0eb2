"""What the command lines share: options, batches of pictures, reports."""
