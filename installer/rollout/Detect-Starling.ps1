# Detection rule for ConfigMgr (script, PowerShell) and for an Intune Win32 app: a line of output and exit code 0 mean installed, no output means not.
# The version that this rollout is about; a newer one counts as well.
$wanted = [version] '0.1.0'

# Both may start a 32-bit PowerShell, which sees another registry: so the 64-bit one is named.
$machine = [Microsoft.Win32.RegistryKey]::OpenBaseKey([Microsoft.Win32.RegistryHive]::LocalMachine, [Microsoft.Win32.RegistryView]::Registry64)
$key = $machine.OpenSubKey('SOFTWARE\Starling')
if ($null -eq $key) { exit 0 }
$version = [string] $key.GetValue('Version')
$folder = [string] $key.GetValue('InstallDir')
if ($version -eq '' -or $folder -eq '') { exit 0 }
if ([version] $version -lt $wanted) { exit 0 }
if (-not (Test-Path -LiteralPath (Join-Path -Path $folder -ChildPath 'starling-service.exe'))) { exit 0 }
if ($null -eq (Get-Service -Name Starling -ErrorAction SilentlyContinue)) { exit 0 }
Write-Output "Starling $version"
exit 0
