#!/usr/bin/env bash
# Sets up what docs/deployment/private-institution.md describes, on this machine, by that guide's own commands, and ends it again.
exec node "$(dirname "${BASH_SOURCE[0]}")/follow.mjs" private-institution
