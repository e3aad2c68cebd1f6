"""What a record is: its columns and vocabularies, what its failure means, whose it is and which one is the latest."""
