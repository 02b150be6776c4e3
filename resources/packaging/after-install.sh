#!/bin/sh
# After the installation from a deb or rpm: the command, the sandbox, and what the desktop knows of the app.
set -e
ln -sf '/opt/Tore/tore-desktop' '/usr/bin/tore-desktop'
# Kernels that keep ordinary programs from making user namespaces need this helper to have the rights of root.
chmod 4755 '/opt/Tore/chrome-sandbox' || true
if command -v update-mime-database >/dev/null 2>&1; then update-mime-database /usr/share/mime || true; fi
if command -v update-desktop-database >/dev/null 2>&1; then update-desktop-database /usr/share/applications || true; fi
if command -v gtk-update-icon-cache >/dev/null 2>&1; then gtk-update-icon-cache -q /usr/share/icons/hicolor || true; fi
