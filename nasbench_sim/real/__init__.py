"""Evaluation by training: networks, data sets, recipes, super-nets, measured time.  Needs torch (extra ``real``).

Nothing outside this folder imports it at import time, and importing it loads no torch: the modules inside do.
"""
