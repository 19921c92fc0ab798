with open("in.ndjson", "w") as file:
    for n, depth in ((1, 1023), (2, 1024), (3, 5000)):
        file.write('{"n":%d,"v":%s%s}\n' % (n, "[" * depth, "]" * depth))
