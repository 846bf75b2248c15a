"""Other packages, one file each, with the three functions that `benchmarks.speed.contenders` describes.

`PACKAGE` is the name on the package index, `REQUIREMENTS` what its environment gets; a repository that is on no index has
`FOLDER` instead, the place of its package inside a checkout. Each file is run by its path, in the process of that contender.
"""
