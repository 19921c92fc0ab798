// Completion scripts. Generated on request from this binary's commands and functions.
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "compiler/pipec/commands.h"

namespace pipec::cli {
namespace {

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

struct Words {
  std::vector<CommandHelp> commands;
  std::string command_names;
  std::string functions;
};

std::string names_of(const std::vector<OptionHelp>& options) {
  std::vector<std::string> names;
  for (const OptionHelp& option : options) names.push_back(option.name);
  return join(names);
}

// A case for each choice after an option or in a command's first argument; everything else completes to
// files. `words`: the completion command, with one {} for the choices.
std::string choice_cases(const std::vector<CommandHelp>& commands, std::string_view words) {
  std::string cases;
  const auto add = [&](const std::string& command, std::string_view before,
                       const std::vector<std::string>& choices) {
    if (choices.empty()) return;
    cases +=
        fmt::format("    {}:{}) {} ;;\n", command, before, fmt::format(fmt::runtime(words), join(choices)));
  };
  for (const CommandHelp& command : commands) {
    for (const OptionHelp& option : command.options) add(command.name, option.name, option.choices);
    add(command.name, "*", command.first);
  }
  return cases;
}

std::string bash(const Words& words) {
  std::string options;
  for (const CommandHelp& command : words.commands) {
    options += fmt::format("    {}) options=\"{}\" ;;\n", command.name, names_of(command.options));
  }
  return fmt::format(R"(# Completions of pipec for bash: source <(pipec completions bash)
_pipec() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} command=${{COMP_WORDS[1]}} options=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{} --help --version" -- "$word"))
    return
  fi
  case $command in
{}  esac
  case $word in
    -*) COMPREPLY=($(compgen -W "$options" -- "$word")); return ;;
  esac
  case $command:$previous in
{}    run:--state-dir) COMPREPLY=($(compgen -d -- "$word")) ;;
    functions:*) COMPREPLY=($(compgen -W "{}" -- "$word")) ;;
    eval:*) COMPREPLY=($(compgen -f -- "$word")) ;;
    *) COMPREPLY=($(compgen -f -X '!*.pipe' -- "$word") $(compgen -d -S / -- "$word")) ;;
  esac
}}
complete -o filenames -F _pipec pipec ./pipec
)",
                     words.command_names, options,
                     choice_cases(words.commands, "COMPREPLY=($(compgen -W \"{}\" -- \"$word\"))"),
                     words.functions);
}

std::string zsh(const Words& words) {
  std::string commands;
  std::string options;
  for (const CommandHelp& command : words.commands) {
    commands += fmt::format("    '{}:{}'\n", command.name, command.doc);
    options += fmt::format("    {}) options=({}) ;;\n", command.name, names_of(command.options));
  }
  return fmt::format(R"(#compdef pipec
# Completions of pipec for zsh: pipec completions zsh > a directory of $fpath, as _pipec
_pipec() {{
  local -a commands options
  commands=(
{}  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case $words[2] in
{}  esac
  if [[ $PREFIX == -* ]]; then
    compadd -- $options
    return
  fi
  case $words[2]:$words[CURRENT-1] in
{}    run:--state-dir) _files -/ ;;
    functions:*) compadd {} ;;
    eval:*) _files ;;
    *) _files -g '*.pipe' ;;
  esac
}}
if [[ $funcstack[1] == _pipec ]]; then _pipec "$@"; else compdef _pipec pipec; fi
)",
                     commands, options, choice_cases(words.commands, "compadd {}"), words.functions);
}

// The text for a single-quoted word, used for the docs of commands.
std::string fish_quoted(const std::string& text) {
  std::string quoted;
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return "'" + quoted + "'";
}

std::string fish(const Words& words) {
  std::string script =
      "# Completions of pipec for fish: pipec completions fish > ~/.config/fish/completions/pipec.fish\n"
      "complete -c pipec -f\n";
  for (const CommandHelp& command : words.commands) {
    script += fmt::format("complete -c pipec -n __fish_use_subcommand -a {} -d {}\n", command.name,
                          fish_quoted(command.doc));
    const std::string when = fmt::format("-n '__fish_seen_subcommand_from {}'", command.name);
    for (const OptionHelp& option : command.options) {
      std::string values;
      if (!option.choices.empty()) values = fmt::format(" -x -a '{}'", join(option.choices));
      if (option.name == "--state-dir") values = " -r -a '(__fish_complete_directories)'";
      script += fmt::format("complete -c pipec {} -l {}{}\n", when, option.name.substr(2), values);
    }
    if (command.name == "functions") {
      script += fmt::format("complete -c pipec {} -a '{}'\n", when, words.functions);
    } else if (!command.first.empty()) {
      script += fmt::format("complete -c pipec {} -a '{}'\n", when, join(command.first));
    } else if (command.name == "eval") {
      script += fmt::format("complete -c pipec {} -F\n", when);
    } else {
      script += fmt::format("complete -c pipec {} -a '(__fish_complete_suffix .pipe)'\n", when);
    }
  }
  return script;
}

}  // namespace

int completions_command(Console& console, const Arguments& arguments, const runtime::Registry& registry) {
  Words words;
  words.commands = describe_commands(registry);
  std::vector<std::string> names;
  for (const CommandHelp& command : words.commands) names.push_back(command.name);
  words.command_names = join(names);
  names.clear();
  for (const runtime::Function& function : registry.functions()) names.push_back(function.name);
  for (const runtime::StageSpec& stage : registry.stages()) names.push_back(stage.name);
  words.functions = join(names);
  if (arguments.name == "bash") return print(console, bash(words));
  if (arguments.name == "zsh") return print(console, zsh(words));
  return print(console, fish(words));
}

}  // namespace pipec::cli
