"""What several ranks cost, and a model of what they would cost on many machines.

===============  =================================================================
``__main__.py``  measures steps and sums on this machine, writes the results
``rank.py``      what every rank runs
``link.py``      a link of a given bandwidth between two ranks of one machine
``cost.py``      the model: the time of a step from the parts it is made of
``fit.py``       the model's numbers, from what was measured
``figures.py``   draws what the model says of many machines
``table.py``     the table of what was measured, and of the model
===============  =================================================================
"""
