; Asks whether the person's data shall go as well. A silent removal, as during an update, never takes it.
!macro customUnInstall
  ${ifNot} ${isUpdated}
    DeleteRegValue HKCU "Software\Microsoft\Windows\CurrentVersion\Run" "coop.tore.desktop"
    MessageBox MB_YESNO|MB_ICONQUESTION|MB_DEFBUTTON2 \
      "Remove settings, keys, conversations and fetched models as well? The keys cannot be made again." \
      /SD IDNO IDNO keepToreData
      RMDir /r "$APPDATA\Tore"
    keepToreData:
  ${endIf}
!macroend
