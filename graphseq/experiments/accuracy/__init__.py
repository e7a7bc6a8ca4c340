"""The job of the command ``sweep``: how accurate is which model at which length and depth?"""
