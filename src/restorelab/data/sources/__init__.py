"""Sources, one file per dataset: each lists the images of the dataset's original distribution without decoding them."""
