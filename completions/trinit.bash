# Completion of sv and trinit for bash: part of trinit. bash-completion finds it by itself where
# it is installed; without bash-completion, ~/.bashrc has to source it.
# shellcheck shell=bash

# Sets `current` to the word before the cursor as it is typed, quotes included, in one piece: bash
# breaks words at characters like : and @, too.
_trinit_current() {
	local line=${COMP_LINE:0:COMP_POINT} at=$COMP_CWORD
	current=${COMP_WORDS[at]}
	until [[ $line == *"$current" ]]; do current=${current%?}; done
	while ((at > 1)) && [[ $line == *"${COMP_WORDS[at - 1]}$current" ]]; do
		current=${COMP_WORDS[--at]}$current
	done
}

# _trinit_offer WORD...: those that begin with `current`, in its quotes or quoted where they need
# it. What stands before the last break stays in the line, so it is left out; a last @ does not.
_trinit_offer() {
	local word quoted breaks=${COMP_WORDBREAKS//[[:space:]\"\']/}
	local before=${current%"${current##*["$breaks"]}"}
	before=${before%@}
	for word; do
		if [[ $current == \'* ]]; then
			quoted=${word//\'/\'\\\'\'} before=\'
			[[ \'$quoted == "$current"* ]] && COMPREPLY+=("$quoted")
		elif [[ $current == \"* ]]; then
			quoted=${word//\\/\\\\} quoted=${quoted//\"/\\\"}
			quoted=${quoted//\$/\\\$} quoted=${quoted//\`/\\\`}
			[[ \"$quoted == "$current"* ]] && COMPREPLY+=("$quoted")
		else
			printf -v quoted %q "$word"
			[[ $quoted == "$current"* || $word == "$current"* ]] && COMPREPLY+=("${quoted#"$before"}")
		fi
	done
}

# Offers the services; if none fits, directories, which are services, too.
_trinit_services() {
	local path name services=()
	for path in "${SVDIR-/etc/service}"/*/; do
		name=${path%/} name=${name##*/}
		[[ -d $path && $name != .* ]] && services+=("$name")
	done
	compopt -o dirnames
	_trinit_offer "${services[@]}"
}

_sv() {
	local current command="" at
	_trinit_current
	for ((at = 1; at < COMP_CWORD; at++)); do
		case ${COMP_WORDS[at]} in
		-*w) ((++at == COMP_CWORD)) && return ;; # the seconds are anybody's
		-*) ;;
		*) command=${COMP_WORDS[at]} && break ;;
		esac
	done
	case $command:$current in
	:-*) _trinit_offer -v -w -V ;;
	:*) _trinit_offer @SV@ ;;
	status:-*) ((at + 1 == COMP_CWORD)) && _trinit_offer --json ;;
	*) _trinit_services ;;
	esac
}

_trinit() {
	local current
	_trinit_current
	if ((COMP_CWORD == 1)); then
		_trinit_offer @WORDS@ @NAMES@
		return
	fi
	case ${COMP_WORDS[1]}:$COMP_CWORD in
	help:2) _trinit_offer @NAMES@ ;;
	stage:2) _trinit_offer 1 2 3 ;;
	down:2) _trinit_offer -l ;;
	killall:2) _trinit_offer -w ;;
	shadow:2) compopt -o dirnames ;;
	help:* | stage:* | down:* | killall:* | info:* | bootchart:* | shadow:* | --version:*) ;;
	install:*)
		[[ $current == -* ]] && _trinit_offer --init --share
		compopt -o dirnames
		;;
	entrypoint:*)
		compopt -o default
		case ${COMP_WORDS[COMP_CWORD - 1]}:$current in
		--log:*) _trinit_offer plain prefix json ;;
		--stamp:*) _trinit_offer none tai utc iso ;;
		*:-*) _trinit_offer @ENTRYPOINT@ ;;
		esac
		;;
	sv:*)
		local COMP_WORDS=("${COMP_WORDS[@]:1}") COMP_CWORD=$((COMP_CWORD - 1))
		_sv
		;;
	*) compopt -o default ;;
	esac
}

complete -F _sv sv
complete -F _trinit trinit
