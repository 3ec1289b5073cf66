"""A fictional practice: an RMM export, a technician's survey and an interview. No persons, no patient data."""
