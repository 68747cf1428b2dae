# Mends the drift that Test-StarlingCompliance.ps1 finds. Each step leaves alone what is right already. What only an installation brings (missing files, an old version) is Windows
# Installer's: it repairs from the package that it has kept, and the deployment brings a new version.
# ConfigMgr: remediation script of the configuration item. Intune: remediation script.
$wantedSettings = @{}

$ErrorActionPreference = 'Stop'
$key = Get-ItemProperty -Path 'HKLM:\SOFTWARE\Starling' -ErrorAction SilentlyContinue
if ($null -eq $key -or -not $key.InstallDir) {
    Write-Output 'Starling is not installed: nothing to repair. The deployment installs it.'
    exit 1
}
$serviceHost = Join-Path -Path $key.InstallDir -ChildPath 'starling-service.exe'
$node = Join-Path -Path $key.InstallDir -ChildPath 'node.exe'

if (-not (Test-Path -LiteralPath $serviceHost) -or -not (Test-Path -LiteralPath $node) -or $null -eq (Get-Service -Name Starling -ErrorAction SilentlyContinue)) {
    $product = Get-ItemProperty -Path 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\{*}' -ErrorAction SilentlyContinue |
        Where-Object { $_.PSObject.Properties['DisplayName'] -and $_.DisplayName -eq 'Starling Agent' } |
        Select-Object -First 1
    if ($null -eq $product) {
        Write-Output 'Windows Installer does not know Starling: install it anew.'
        exit 1
    }
    $repair = Start-Process -FilePath "$env:SystemRoot\System32\msiexec.exe" -ArgumentList @('/fomus', $product.PSChildName, '/qn', '/norestart') -Wait -PassThru
    if ($repair.ExitCode -ne 0 -and $repair.ExitCode -ne 3010) {
        Write-Output "The repair ended with $($repair.ExitCode): deploy the package again."
        exit 1
    }
}

# Recovery, delayed start, service SID, owner and rights of the data folder.
& $serviceHost configure
if ($LASTEXITCODE -ne 0) { Write-Output "configure ended with $LASTEXITCODE"; exit 1 }
& $serviceHost firewall add
if ($LASTEXITCODE -ne 0) { Write-Output "firewall add ended with $LASTEXITCODE"; exit 1 }

$changed = $false
foreach ($name in $wantedSettings.Keys) {
    $path = 'HKLM:\SOFTWARE\Starling\Environment'
    if (-not (Test-Path -Path $path)) { New-Item -Path $path -Force | Out-Null }
    $settings = Get-ItemProperty -Path $path -Name $name -ErrorAction SilentlyContinue
    if ($null -eq $settings -or [string] $settings.$name -ne $wantedSettings[$name]) {
        Set-ItemProperty -Path $path -Name $name -Value $wantedSettings[$name]
        $changed = $true
    }
}

$service = Get-CimInstance -ClassName Win32_Service -Filter "Name = 'Starling'"
if ($service.StartMode -ne 'Auto') { & "$env:SystemRoot\System32\sc.exe" config Starling start= delayed-auto | Out-Null }
if ($service.StartName -ne 'NT SERVICE\Starling') { & "$env:SystemRoot\System32\sc.exe" config Starling obj= 'NT SERVICE\Starling' | Out-Null }
if ($changed -or $service.StartName -ne 'NT SERVICE\Starling') { Restart-Service -Name Starling } else { Start-Service -Name Starling }
Write-Output 'Repaired'
exit 0
