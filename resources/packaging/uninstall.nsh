; Asks whether the person's data shall go as well. A silent removal, as during an update, never takes it.
!macro customUnInstall
  ${ifNot} ${isUpdated}
    DeleteRegValue HKCU "Software\Microsoft\Windows\CurrentVersion\Run" "coop.tore.desktop"
    MessageBox MB_YESNO|MB_ICONQUESTION|MB_DEFBUTTON2 \
      "Remove settings, keys, conversations and fetched models as well? The keys cannot be made again." \
      /SD IDNO IDNO keepToreData
      ; What an installation for everybody names so belongs to no one person; the data is this person's.
      ${if} $installMode == "all"
        SetShellVarContext current
      ${endif}
      RMDir /r "$APPDATA\tore-desktop"
      ${if} $installMode == "all"
        SetShellVarContext all
      ${endif}
    keepToreData:
  ${endIf}
!macroend
