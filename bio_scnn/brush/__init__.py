"""A brush in the browser: a local page on which damage is painted and a picture restored.

::

    page.html, page.js -> server    routes, on loopback, behind a secret address
                       -> guard     who may ask, and what the browser may load
                       -> desk      the pictures that are kept, in a folder that is removed
                       -> worker    one process, which can be stopped
                       -> tasks     open, mark, restore, record neurons: files in, files out

The restoration is that of ``python -m bio_scnn.run_inpaint``, to the last byte of the file.
"""
