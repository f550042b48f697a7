"""The command `fastdl completion`: a script with which a shell completes commands and options."""

from __future__ import annotations

import argparse

from fastdl.cli import options


def add_to(commands: options.Commands[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = options.add_command(
        commands,
        "completion",
        "print what has a shell complete commands and options",
        'eval "$(fastdl completion bash)"',
    )
    command.add_argument("shell", choices=tuple(_SCRIPTS), help="which")
    command.set_defaults(run=lambda arguments: print(_SCRIPTS[arguments.shell](_words(commands)), end=""))


def _words(commands: options.Commands[argparse.ArgumentParser]) -> dict[str, list[argparse.Action]]:
    """For each command what may follow it."""
    return {
        name: [action for action in command._actions if action.option_strings or action.choices]
        for name, command in commands.choices.items()
    }


def _choices(action: argparse.Action) -> str:
    return " ".join(map(str, action.choices or ()))


def _takes_path(action: argparse.Action) -> bool:
    return action.nargs != 0 and any(word in str(action.metavar) for word in ("FILE", "FOLDER", "MODEL"))


def _bash(words: dict[str, list[argparse.Action]]) -> str:
    cases, values = [], []
    for name, actions in words.items():
        options_ = [option for action in actions for option in action.option_strings]
        positional = [_choices(action) for action in actions if not action.option_strings]
        cases.append(f'        {name}) words="{" ".join([*options_, *positional])}" ;;')
        for action in actions:  # no words: then the shell completes file names
            if action.option_strings and action.nargs != 0:
                values.append(f'        {name},{action.option_strings[-1]}) words="{_choices(action)}" ;;')
    return "\n".join(
        [
            "_fastdl() {",
            '    local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" words=""',
            '    [ "$COMP_CWORD" -eq 1 ] && words="' + " ".join(words) + ' --help --version"',
            '    case "${COMP_WORDS[1]}" in',
            *cases,
            "    esac",
            '    case "${COMP_WORDS[1]},$before" in',
            *values,
            "    esac",
            '    COMPREPLY=($(compgen -W "$words" -- "$current"))',
            "}",
            "complete -o default -F _fastdl fastdl",
            "",
        ]
    )


def _zsh(words: dict[str, list[argparse.Action]]) -> str:
    begin = (
        "(( $+functions[compdef] )) || { autoload -U compinit && compinit }",
        "autoload -U +X bashcompinit && bashcompinit",
    )
    return "\n".join([*begin, _bash(words)])


def _fish(words: dict[str, list[argparse.Action]]) -> str:
    lines = [f"complete -c fastdl -n __fish_use_subcommand -f -a '{' '.join(words)}'"]
    for name, actions in words.items():
        for action in actions:
            parts = [f"complete -c fastdl -n '__fish_seen_subcommand_from {name}'"]
            if action.option_strings:
                parts.append(f"-l {action.option_strings[-1].removeprefix('--')}")
                parts.append("" if action.nargs == 0 else "-r" if _takes_path(action) else "-x")
            else:
                parts.append("-f")
            parts.append(f"-a '{_choices(action)}'" if action.choices else "")
            lines.append(" ".join(part for part in parts if part))
    return "\n".join([*lines, ""])


_SCRIPTS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
