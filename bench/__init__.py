"""Side-by-side measurements of Sluiceway and its peers on one machine: `python -m bench --help`.

Linux only: CPU time and memory are read from the kernel's own accounts of each process.
"""
