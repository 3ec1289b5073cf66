"""Three fictional practices and one export per inventory source, with the results the program has to reach.

The expected files are closed lists: a finding or a row that is not in them is a defect, as is one that is missing.
"""
