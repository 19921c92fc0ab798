DEEP = b"\x91" * 1023
with open("in.msgpack", "wb") as file:
    file.write(b"\x82\xa1a\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x01\xc3")  # {"a": 2**64-1, 1: true}
    file.write(b"\x81\xa1a\xa2\xc3\x28")                                 # a string that is not UTF-8
    file.write(b"\x81\xa1b\x93\xca\x7f\xc0\x00\x00\xc4\x02\x00\xff\xd6\xff\x00\x00\x00\x01")  # NaN, bin, a time
    file.write(b"\x81\xa1c" + DEEP + b"\xc0")
    file.write(b"\x81\xa1d\xd4\x05\x2a\xa0")                             # ext 5, then a separate record
