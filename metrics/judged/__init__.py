"""What judges and recognisers say of images, as shares, distances of mixes and likenesses with intervals."""
