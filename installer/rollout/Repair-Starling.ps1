# Mends the drift that Test-StarlingCompliance.ps1 finds. Each step leaves alone what is right already, and one that fails keeps no other from its turn. What only an installation brings
# (missing files, an old version) is Windows Installer's: it repairs from the package that it has kept, and the deployment brings a new version.
# ConfigMgr: remediation script of the configuration item. Intune: remediation script.
$wantedSettings = @{}

# A 32-bit PowerShell sees another registry and other programs: this is done once more by the 64-bit one.
if ([Environment]::Is64BitOperatingSystem -and -not [Environment]::Is64BitProcess) {
    & "$env:SystemRoot\Sysnative\WindowsPowerShell\v1.0\powershell.exe" -NoProfile -NonInteractive -ExecutionPolicy Bypass -File $PSCommandPath
    exit $LASTEXITCODE
}

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

# What it wrote, and how it ended. With "Stop" a captured first line of stderr would be taken for a failure.
function Invoke-Program {
    param([string] $Program, [string[]] $Arguments)
    $ErrorActionPreference = 'Continue'
    $lines = @(& $Program @Arguments 2>&1 | ForEach-Object { if ($_ -is [System.Management.Automation.ErrorRecord]) { $_.Exception.Message } else { $_ } })
    return [pscustomobject] @{ ExitCode = $LASTEXITCODE; Text = ($lines | Where-Object { $_ }) -join ' ' }
}

function Set-Registry {
    param([string] $Path, [string] $Name, [string] $Value)
    if ($Value -eq '') { Remove-ItemProperty -Path $Path -Name $Name -ErrorAction SilentlyContinue; return }
    if (-not (Test-Path -Path $Path)) { New-Item -Path $Path -Force | Out-Null }
    Set-ItemProperty -Path $Path -Name $Name -Value $Value
}

function Get-InstalledValue {
    param([string] $Path, [string] $Name)
    $values = Get-ItemProperty -Path $Path -Name $Name -ErrorAction SilentlyContinue
    if ($null -eq $values) { return '' }
    return [string] $values.$Name
}

# Told in the end, all of them.
$failures = New-Object -TypeName 'System.Collections.Generic.List[string]'
function Invoke-Step {
    param([string] $What, [scriptblock] $Step)
    try { & $Step } catch { $failures.Add("$What failed: $($_.Exception.Message)") }
}

function Invoke-Needed {
    param([string] $Program, [string[]] $Arguments)
    $told = Invoke-Program -Program $Program -Arguments $Arguments
    if ($told.ExitCode -ne 0) { throw "it ended with $($told.ExitCode). $($told.Text)" }
}

$productKey = 'HKLM:\SOFTWARE\Starling'
$settingsKey = "$productKey\Environment"
$cacheSetting = 'STARLING_POLICY_DO_MODIFY_CACHE_DRIVE'
# What the service takes up at its next start only.
$toTakeUp = New-Object -TypeName 'System.Collections.Generic.List[string]'
$wasSetting = Get-InstalledValue -Path $settingsKey -Name $cacheSetting
foreach ($name in $wantedSettings.Keys) {
    if ((Get-InstalledValue -Path $settingsKey -Name $name) -eq $wantedSettings[$name]) { continue }
    Invoke-Step -What $name -Step {
        Set-Registry -Path $settingsKey -Name $name -Value $wantedSettings[$name]
        $toTakeUp.Add($name)
    }
}

# Recovery, delayed start, service SID, owner and rights of the folders, the cache's among them.
Invoke-Step -What 'configure' -Step {
    try {
        Invoke-Needed -Program $serviceHost -Arguments @('configure')
    } catch {
        # A folder that was refused is named no longer: the service goes on with the one from before, and is not started anew for it.
        if ($toTakeUp.Remove($cacheSetting)) { Set-Registry -Path $settingsKey -Name $cacheSetting -Value $wasSetting }
        throw
    }
}
# NOFIREWALL=1: somebody else opens the ports.
if ((Get-InstalledValue -Path $productKey -Name 'NoFirewall') -ne '1') {
    Invoke-Step -What 'firewall add' -Step { Invoke-Needed -Program $serviceHost -Arguments @('firewall', 'add') }
}

$sc = Join-Path -Path $env:SystemRoot -ChildPath 'System32\sc.exe'
$service = Get-CimInstance -ClassName Win32_Service -Filter "Name = 'Starling'"
if ($service.StartMode -ne 'Auto') {
    Invoke-Step -What 'the start of the service' -Step { Invoke-Needed -Program $sc -Arguments @('config', 'Starling', 'start=', 'delayed-auto') }
}
if ($service.StartName -ne 'NT SERVICE\Starling') {
    Invoke-Step -What 'the account of the service' -Step {
        Invoke-Needed -Program $sc -Arguments @('config', 'Starling', 'obj=', 'NT SERVICE\Starling')
        $toTakeUp.Add('account')
    }
}
# After a failure, too: the next run finds the settings as they should be, and would not start it anew for them.
Invoke-Step -What 'the service' -Step { if ($toTakeUp.Count -gt 0) { Restart-Service -Name Starling } else { Start-Service -Name Starling } }

if ($failures.Count -gt 0) {
    Write-Output ($failures -join '; ')
    exit 1
}
Write-Output 'Repaired'
exit 0
