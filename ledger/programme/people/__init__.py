"""People and organisations: who takes part, and what they are called in the world outside.

numbers.py    numbers of identity documents and organisations, with their check digits
"""
