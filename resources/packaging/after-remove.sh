#!/bin/sh
# After the removal. A package of the system never touches what lies in people's home folders: settings, keys and
# conversations stay there until their owner removes them (Settings, “Remove all data”, or the folder ~/.config/tore-desktop).
set -e
case "${1:-remove}" in
  # An upgrade removes the old version as well; the new one has made the link again.
  upgrade | 1) ;;
  *) rm -f '/usr/bin/tore-desktop' ;;
esac
if command -v update-mime-database >/dev/null 2>&1; then update-mime-database /usr/share/mime || true; fi
if command -v update-desktop-database >/dev/null 2>&1; then update-desktop-database /usr/share/applications || true; fi
