# Detection rule for ConfigMgr (script, PowerShell) and for an Intune Win32 app: a line of output and exit code 0 mean installed, no output means not.
# The version that this rollout is about; a newer one counts as well.
$wanted = [version] '0.1.0'

$key = Get-ItemProperty -Path 'HKLM:\SOFTWARE\Starling' -ErrorAction SilentlyContinue
if ($null -eq $key -or -not $key.Version -or -not $key.InstallDir) { exit 0 }
if ([version] $key.Version -lt $wanted) { exit 0 }
if (-not (Test-Path -LiteralPath (Join-Path -Path $key.InstallDir -ChildPath 'starling-service.exe'))) { exit 0 }
if ($null -eq (Get-Service -Name Starling -ErrorAction SilentlyContinue)) { exit 0 }
Write-Output "Starling $($key.Version)"
exit 0
