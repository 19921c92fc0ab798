#!/usr/bin/env python3
"""Makes a PEGTL grammar of the EBNF in docs/language.md: generate.py LANGUAGE.md GRAMMAR.H

Rules in small letters are made of tokens: white space and comments (the rule SPACE) may stand before each. Rules in
capitals are made of characters. A rule whose comment says so has to stand on one line.
"""

import re
import sys

TOKEN = re.compile(r"""\s+|(?P<string>"[^"]+")|(?P<range>'(?:\\.|\\x..|[^'\\])'\.\.'(?:\\x..|\\.|[^'\\])')|"""
                   r"""(?P<chars>'(?:\\x[0-9a-f]{2}|\\.|[^'\\])+')|(?P<name>[A-Za-z_]+)|(?P<sign>[|{}\[\]()~!&])""")
ESCAPES = {"t": "\t", "r": "\r", "n": "\n", "\\": "\\", "'": "'"}
BUILT_IN = {"ANY": "utf8::any", "END": "eof", "BOM": "utf8::bom"}


def characters(text):
    out, at = "", 0
    while at < len(text):
        if text[at] != "\\":
            out, at = out + text[at], at + 1
        elif text[at + 1] == "x":
            out, at = out + chr(int(text[at + 2:at + 4], 16)), at + 4
        else:
            out, at = out + ESCAPES[text[at + 1]], at + 2
    return out


def literal(text):
    return "string<" + ", ".join(str(ord(c)) for c in text) + ">"


def rules_of(page):
    text = re.search(r"^```ebnf\n(.*?)^```", page, re.MULTILINE | re.DOTALL).group(1)
    rules = {}
    name = None
    for line in text.splitlines():
        body, _, comment = line.partition("# ") if "'#'" not in line else (line, "", "")
        if head := re.match(r"([A-Za-z_]+) += (.*)", body):
            name = head.group(1)
            assert name not in rules, name
            rules[name] = [head.group(2), False]
        elif body.strip():
            rules[name][0] += " " + body.strip()
        rules[name][1] |= comment.strip() == "on one line"
    return rules


class Rule:
    def __init__(self, name, text, signs, rules):
        self.name, self.lexical, self.signs, self.rules = name, name.isupper(), signs, rules
        self.tokens = []
        at = 0
        while at < len(text):
            found = TOKEN.match(text, at)
            assert found, f"{name}: {text[at:]}"
            at = found.end()
            if found.lastgroup:
                self.tokens.append((found.lastgroup, found.group()))
        self.at = 0

    def peek(self):
        return self.tokens[self.at][1] if self.at < len(self.tokens) else None

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def parse(self):
        result = self.alternatives()
        assert self.peek() is None, f"{self.name}: {self.tokens[self.at:]}"
        return result

    def alternatives(self):
        found = [self.sequence()]
        while self.peek() == "|":
            self.take()
            found.append(self.sequence())
        return found[0] if len(found) == 1 else f"sor<{', '.join(found)}>"

    def sequence(self):
        found = []
        while self.peek() not in (None, "|", ")", "]", "}"):
            found.append(self.item())
        return found[0] if len(found) == 1 else f"seq<{', '.join(found)}>"

    def item(self, touches=False):
        kind, text = self.take()
        if text == "~":
            return self.item(touches=True)
        if text in ("!", "&"):
            return f"{'not_at' if text == '!' else 'at'}<{self.item()}>"
        if text in ("(", "[", "{"):
            inner = self.alternatives()
            self.take()
            return inner if text == "(" else f"{'opt' if text == '[' else 'star'}<{inner}>"
        if kind == "name" and not text.isupper():
            assert text in self.rules, f"{self.name}: there is no rule {text}"
            return rule_name(text)
        symbol = self.symbol(kind, text)
        return symbol if self.lexical or touches or text == "BOM" else f"seq<{rule_name('SPACE')}, {symbol}>"

    def symbol(self, kind, text):
        if kind == "name":
            assert text in self.rules or text in BUILT_IN, f"{self.name}: there is no rule {text}"
            return BUILT_IN.get(text) or rule_name(text)
        if kind == "range":
            first, last = (characters(each[1:-1]) for each in re.match(r"(.*'|'\.')\.\.('.*)", text).groups())
            return f"range<{ord(first)}, {ord(last)}>"
        if kind == "chars":
            return literal(characters(text[1:-1]))
        word = text[1:-1]
        if re.fullmatch(r"\w+", word):
            return f"seq<{literal(word)}, not_at<{rule_name('WORD_PART')}>>"
        # The longest sign counts: '-' is not the beginning of '->'.
        longer = sorted({each[len(word)] for each in self.signs if each.startswith(word) and each != word})
        behind = ", ".join(str(ord(c)) for c in longer)
        return f"seq<{literal(word)}, not_at<one<{behind}>>>" if longer else literal(word)


def rule_name(name):
    return f"rule_{name}"


def main():
    with open(sys.argv[1], encoding="utf-8") as page:
        rules = rules_of(page.read())
    signs = {each for text, _ in rules.values() for each in re.findall(r'"([^"\w]+)"', text)}
    out = ["// Made from docs/language.md by generate.py.", "#pragma once", "", "#include <tao/pegtl.hpp>", "",
           '#include "unit/grammar/one_line.h"', "", "namespace ebnf {", "", "using namespace tao::pegtl;", ""]
    out += [f"struct {rule_name(name)};" for name in rules]
    for name, (text, one_line) in rules.items():
        made = Rule(name, text, signs, rules).parse()
        out.append(f"struct {rule_name(name)} : {f'one_line<{made}>' if one_line else f'seq<{made}>'} {{}};")
    out += ["", "}  // namespace ebnf", ""]
    with open(sys.argv[2], "w", encoding="utf-8") as header:
        header.write("\n".join(out))


if __name__ == "__main__":
    main()
