# The program of this case is longer than a program may be, and too long to be kept.
with open("file_too_large.pipe", "wb") as program:
    program.write(b'recv file("in.ndjson") | sink null()\n#' + b"x" * (64 << 20))
