# The program of this case exceeds the maximum length, and is too long for the repository.
with open("file_too_large.pipe", "wb") as program:
    program.write(b'recv file("in.ndjson") | sink null()\n#' + b"x" * (64 << 20))
