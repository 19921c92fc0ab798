with open("in.json", "w") as file:
    file.write('[{"a":2},{"a":"x"},{"a":1}]')
