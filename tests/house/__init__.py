"""The rules of the house, one file per rule; tests/test_house.py lists them."""
