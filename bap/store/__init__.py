"""The producer's own copy of searches, offers and contracts, as tables and the functions that read and write them."""
