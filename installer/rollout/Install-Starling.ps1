<#
.SYNOPSIS
Brings the Starling agent of this computer into the state that is asked for, and changes nothing that is so already.
.DESCRIPTION
For computers without Group Policy, ConfigMgr or Intune: from a start-up script, a scheduled task, or by hand. It looks first (version, settings, service, clients), applies what
differs, and reports each item. With -WhatIf it only reports. Exit code: 0 done, 3010 done after the next restart, 1 failed.
powershell.exe -File hands over texts only, and no -Property: give it with -Command, as in the last example.
.PARAMETER Msi
The package, also on a share.
.PARAMETER Sha256
What the package must hash to (the file .sha256 beside it). Give it where the share can be written by others.
.PARAMETER TicketFile
A file with the ticket to join with, readable for whom this runs as alone. It is used only where the agent is not installed yet.
.PARAMETER Property
Properties of the package, like @{ SITE = 'north'; CACHESIZE = '50GiB' }; docs/DEPLOY.md lists them. What this script cannot bring about it refuses by name.
.PARAMETER Log
Where Windows Installer writes its log.
.EXAMPLE
.\Install-Starling.ps1 -Msi \\files\deploy\starling-0.1.0-x64.msi -WhatIf
.EXAMPLE
.\Install-Starling.ps1 -Msi .\starling-0.1.0-x64.msi -TicketFile .\ticket.txt -Property @{ SITE = 'north'; CONFIGUREDO = '1' }
.EXAMPLE
powershell.exe -NoProfile -ExecutionPolicy Bypass -Command "& '\\files\deploy\Install-Starling.ps1' -Msi '\\files\deploy\starling-0.1.0-x64.msi' -Property @{ SITE = 'north' }; exit $LASTEXITCODE"
#>
[CmdletBinding(SupportsShouldProcess = $true)]
param(
    [Parameter(Mandatory = $true)] [string] $Msi,
    [ValidatePattern('^[0-9A-Fa-f]{64}$')] [string] $Sha256,
    [string] $TicketFile,
    [hashtable] $Property = @{},
    [string] $Log = (Join-Path -Path $env:TEMP -ChildPath 'starling-install.log')
)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

# A 32-bit PowerShell sees another registry, in which nothing is ever installed.
if ([Environment]::Is64BitOperatingSystem -and -not [Environment]::Is64BitProcess) {
    throw "This is the 32-bit PowerShell: run it with $env:SystemRoot\Sysnative\WindowsPowerShell\v1.0\powershell.exe."
}

# What the package remembers in the registry, where the service takes its environment from.
$variables = @{
    COORDINATOR = 'STARLING_COORDINATOR_ADDRESSES'
    SITE        = 'STARLING_SITE'
    UPSTREAM    = 'STARLING_UPSTREAM_PROXIES'
    CACHEDIR    = 'STARLING_POLICY_DO_MODIFY_CACHE_DRIVE'
    CACHESIZE   = 'STARLING_CACHE_QUOTA'
    PROXYPORT   = 'STARLING_PROXY_PORT'
    PAGEPORT    = 'STARLING_PAGE_PORT'
    CACHEHOST   = 'STARLING_CACHE_HOST_ENABLED'
    WSUS        = 'STARLING_PROXY_WSUS'
}
# What the service host reads of it, beside the environment: for a first installation, because more than a value must change with it later.
$hostValues = @{
    DATADIR    = 'DataDir'
    NOFIREWALL = 'NoFirewall'
}
# What turns clients of this computer to the agent, by the names of `starling configure`.
$clients = @{
    CONFIGUREDO    = 'delivery-optimization'
    CONFIGUREWSUS  = 'wsus'
    CONFIGUREPROXY = 'winhttp'
}
$productKey = 'HKLM:\SOFTWARE\Starling'
$settingsKey = "$productKey\Environment"
$script:exitCode = 0
$script:restartNeeded = $false
# Ends in a failure, after all that can be done is done.
$script:failed = $false

function Get-InstalledValue {
    param([string] $Path, [string] $Name)
    $key = Get-ItemProperty -Path $Path -Name $Name -ErrorAction SilentlyContinue
    if ($null -eq $key) { return '' }
    return [string] $key.$Name
}

# Windows Installer's objects tell PowerShell nothing of their methods, so each is named.
function Invoke-Installer {
    param([object] $Object, [string] $Name, [string] $Kind = 'InvokeMethod', [object[]] $Arguments = @())
    return $Object.GetType().InvokeMember($Name, $Kind, $null, $Object, $Arguments)
}

function Get-MsiVersion {
    param([string] $Path)
    $installer = New-Object -ComObject WindowsInstaller.Installer
    # 0: read only
    $database = Invoke-Installer -Object $installer -Name 'OpenDatabase' -Arguments @($Path, 0)
    $query = "SELECT Value FROM Property WHERE Property = 'ProductVersion'"
    $view = Invoke-Installer -Object $database -Name 'OpenView' -Arguments @($query)
    try {
        Invoke-Installer -Object $view -Name 'Execute' | Out-Null
        $record = Invoke-Installer -Object $view -Name 'Fetch'
        return [version] (Invoke-Installer -Object $record -Name 'StringData' -Kind 'GetProperty' -Arguments @(1))
    } finally {
        Invoke-Installer -Object $view -Name 'Close' | Out-Null
        [System.Runtime.InteropServices.Marshal]::ReleaseComObject($database) | Out-Null
    }
}

# What it wrote, by line, and how it ended; the text goes to its stdin. With "Stop" Windows PowerShell would take a first line of stderr for a failure.
function Invoke-Host {
    param([string[]] $Arguments, [string] $Text = '')
    $ErrorActionPreference = 'Continue'
    # Others begin what they send with a byte order mark.
    $OutputEncoding = [System.Text.Encoding]::ASCII
    $program = Join-Path -Path (Get-InstalledValue -Path $productKey -Name 'InstallDir') -ChildPath 'starling-service.exe'
    $lines = @($Text | & $program @Arguments 2>&1)
    $errors = @($lines | Where-Object { $_ -is [System.Management.Automation.ErrorRecord] } | ForEach-Object { $_.Exception.Message.Trim() })
    $output = @($lines | Where-Object { $_ -isnot [System.Management.Automation.ErrorRecord] })
    return [pscustomobject] @{ ExitCode = $LASTEXITCODE; Output = $output -join "`n"; Errors = ($errors | Where-Object { $_ }) -join ' ' }
}

function Set-Registry {
    param([string] $Path, [string] $Name, [string] $Value)
    if ($Value -eq '') { Remove-ItemProperty -Path $Path -Name $Name -ErrorAction SilentlyContinue; return }
    if (-not (Test-Path -Path $Path)) { New-Item -Path $Path -Force | Out-Null }
    Set-ItemProperty -Path $Path -Name $Name -Value $Value
}

function Write-Item {
    param([string] $Item, [string] $Was, [string] $Wanted, [string] $Result)
    [pscustomobject] @{ Item = $Item; Was = $Was; Wanted = $Wanted; Result = $Result }
}

function Install-Package {
    param([string] $File, [string[]] $Arguments)
    $all = @('/i', "`"$File`"", '/qn', '/norestart', '/l*', "`"$Log`"") + $Arguments
    $process = Start-Process -FilePath (Join-Path -Path $env:SystemRoot -ChildPath 'System32\msiexec.exe') -ArgumentList $all -Wait -PassThru
    if ($process.ExitCode -eq 3010 -or $process.ExitCode -eq 1641) { $script:exitCode = 3010 }
    elseif ($process.ExitCode -ne 0) { throw "Windows Installer ended with $($process.ExitCode); $Log says why (look for 'return value 3')." }
}

$identity = [Security.Principal.WindowsPrincipal] [Security.Principal.WindowsIdentity]::GetCurrent()
if (-not $identity.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    throw 'This installs for the whole computer: run it as administrator or as SYSTEM.'
}
$package = (Resolve-Path -LiteralPath $Msi).ProviderPath
if ($Sha256) {
    $hash = (Get-FileHash -LiteralPath $package -Algorithm SHA256).Hash
    if ($hash -ne $Sha256) { throw "$package is not the package that is wanted: it hashes to $hash." }
}
$wantedVersion = Get-MsiVersion -Path $package
$installed = Get-InstalledValue -Path $productKey -Name 'Version'
$isThere = $installed -ne '' -and $null -ne (Get-Service -Name Starling -ErrorAction SilentlyContinue)
$isCurrent = $isThere -and [version] $installed -ge $wantedVersion

# --- What cannot be brought about is refused before anything is changed ------------------------------------------
foreach ($name in $Property.Keys) {
    $value = [string] $Property[$name]
    # Windows Installer knows a property by its capitals, and passes over what it does not know.
    if ($name -cnotmatch '^[A-Z][A-Z0-9]*$' -or $value -match '"') {
        throw "The property $name cannot be given: names are capitals, and values hold no quotes."
    }
    if ($name -eq 'TICKET') { throw 'Give the ticket as a file (-TicketFile), not in -Property.' }
    if ($name -eq 'REMOVECACHE') { throw 'REMOVECACHE is for a removal (msiexec /x), not for this script.' }
    if ($clients.ContainsKey($name) -and $value -ne '1') {
        throw "$name takes 1. To put back what was there before, run: starling configure --undo $($clients[$name])"
    }
    if ($name -eq 'NOFIREWALL' -and $value -ne '1') {
        throw "NOFIREWALL takes 1. To make the rules after all, remove the value NoFirewall of $productKey and run: starling-service.exe firewall add"
    }
    if ($isThere -and $hostValues.ContainsKey($name)) {
        $is = Get-InstalledValue -Path $productKey -Name $hostValues[$name]
        if ($name -eq 'NOFIREWALL' -and $is -ne '1') {
            throw "NOFIREWALL is for a first installation, and this computer has the agent and its rules already: leave it out, or set the value NoFirewall of $productKey to 1 and run: starling-service.exe firewall remove"
        }
        if ($name -eq 'DATADIR' -and $is.TrimEnd('\') -ne $value.TrimEnd('\')) {
            throw "DATADIR is for a first installation, and this computer has its identity and its cache in ${is}: leave it out, or stop the service, set the value DataDir of $productKey, run: starling-service.exe configure, move what is in ${is} into the new folder, and start the service."
        }
    }
    if (-not $hostValues.ContainsKey($name) -and -not $clients.ContainsKey($name) -and -not $variables.ContainsKey($name)) {
        throw "There is no property $name; docs/DEPLOY.md lists them all. Other settings are values of HKLM\SOFTWARE\Starling\Environment."
    }
}
$wantedSettings = @{}
foreach ($name in $Property.Keys) { if ($variables.ContainsKey($name)) { $wantedSettings[$name] = [string] $Property[$name] } }
# As the package does: nobody can be pointed at a cache host that is off.
if ($Property.ContainsKey('CONFIGUREDO') -and -not $wantedSettings.ContainsKey('CACHEHOST') -and (Get-InstalledValue -Path $settingsKey -Name $variables['CACHEHOST']) -eq '') {
    $wantedSettings['CACHEHOST'] = 'on'
}

# --- The version -------------------------------------------------------------------------------------------------
$arguments = @()
foreach ($name in $Property.Keys) { $arguments += '{0}="{1}"' -f $name, $Property[$name] }
if ($isCurrent) {
    Write-Item -Item 'Version' -Was $installed -Wanted "$wantedVersion or newer" -Result 'as wanted'
} elseif ($PSCmdlet.ShouldProcess("Starling $wantedVersion", 'Install')) {
    $ticket = ''
    if ($TicketFile -and -not $isThere) {
        $ticket = ([string] (Get-Content -LiteralPath $TicketFile -Raw)).Trim()
        if ($ticket -eq '' -or $ticket -match '[\s"]') { throw "$TicketFile holds no ticket: it is one word, like STARLING1-..." }
    }
    Install-Package -File $package -Arguments $arguments
    Write-Item -Item 'Version' -Was $installed -Wanted "$wantedVersion" -Result 'installed'
    if ($ticket -ne '') {
        # By stdin: command lines can be read by others, and are logged.
        $told = Invoke-Host -Arguments @('ticket', '-') -Text $ticket
        if ($told.ExitCode -eq 0) {
            $script:restartNeeded = $true
            Write-Item -Item 'Ticket' -Was '' -Wanted $TicketFile -Result 'handed over'
        } else {
            $script:failed = $true
            Write-Item -Item 'Ticket' -Was '' -Wanted $TicketFile -Result "failed: $($told.Errors) $($told.Output) Mend that, give the ticket to 'starling-service.exe ticket -' and restart the service."
        }
    }
} else {
    Write-Item -Item 'Version' -Was $installed -Wanted "$wantedVersion" -Result 'would be installed'
}

# --- The settings ------------------------------------------------------------------------------------------------
foreach ($name in $wantedSettings.Keys) {
    $variable = $variables[$name]
    $was = Get-InstalledValue -Path $settingsKey -Name $variable
    $wanted = $wantedSettings[$name]
    if ($was -eq $wanted) {
        Write-Item -Item $name -Was $was -Wanted $wanted -Result 'as wanted'
    } elseif ($PSCmdlet.ShouldProcess("$settingsKey $variable", "Set to $wanted")) {
        Set-Registry -Path $settingsKey -Name $variable -Value $wanted
        if ($name -eq 'CACHEDIR') {
            # The service must not make folders anywhere: this makes the cache's, with rights for it.
            $told = Invoke-Host -Arguments @('configure')
            if ($told.ExitCode -ne 0) {
                Set-Registry -Path $settingsKey -Name $variable -Value $was
                Write-Item -Item $name -Was $was -Wanted $wanted -Result "failed: $($told.Errors) $($told.Output)"
                $script:failed = $true
                continue
            }
        }
        $script:restartNeeded = $true
        Write-Item -Item $name -Was $was -Wanted $wanted -Result 'set'
    } else {
        Write-Item -Item $name -Was $was -Wanted $wanted -Result 'would be set'
    }
}

# --- The service -------------------------------------------------------------------------------------------------
$service = Get-Service -Name Starling -ErrorAction SilentlyContinue
if ($null -eq $service) {
    Write-Item -Item 'Service' -Was 'not there' -Wanted 'Running' -Result 'comes with the installation'
} elseif ($service.StartType -ne 'Automatic' -or $service.Status -ne 'Running' -or $script:restartNeeded) {
    $was = "$($service.StartType), $($service.Status)"
    if ($PSCmdlet.ShouldProcess('Service Starling', 'Start')) {
        $result = 'started'
        if ($service.StartType -ne 'Automatic') {
            # Delayed, as the package has it; Set-Service knows that only in PowerShell 7.
            & "$env:SystemRoot\System32\sc.exe" config Starling start= delayed-auto | Out-Null
            # Settings that were written are taken up all the same: the next run would find them as wanted.
            if ($LASTEXITCODE -ne 0) {
                $result = "started, but it will not start by itself: sc.exe ended with $LASTEXITCODE"
                $script:failed = $true
            }
        }
        Restart-Service -Name Starling
        Write-Item -Item 'Service' -Was $was -Wanted 'Automatic, Running' -Result $result
    } else {
        Write-Item -Item 'Service' -Was $was -Wanted 'Automatic, Running' -Result 'would be started'
    }
} else {
    Write-Item -Item 'Service' -Was 'Automatic, Running' -Wanted 'Automatic, Running' -Result 'as wanted'
}

# --- Clients of this computer ------------------------------------------------------------------------------------
function Get-ClientState {
    $told = Invoke-Host -Arguments @('cli', 'configure', '--list', '--json')
    if ($told.ExitCode -ne 0) { throw "starling configure --list ended with $($told.ExitCode): $($told.Errors)" }
    # An array comes out of ConvertFrom-Json as one object; in a variable it is its elements.
    $views = ConvertFrom-Json -InputObject $told.Output
    return $views
}

# Those are left in a WhatIf: the agent that runs does not know them yet.
$unset = @($wantedSettings.Keys | Where-Object { (Get-InstalledValue -Path $settingsKey -Name $variables[$_]) -ne $wantedSettings[$_] })
foreach ($name in $Property.Keys) {
    if (-not $clients.ContainsKey($name)) { continue }
    $item = $clients[$name]
    if ((Get-InstalledValue -Path $productKey -Name 'InstallDir') -eq '') {
        Write-Item -Item $name -Was '' -Wanted $item -Result 'comes with the installation'
        continue
    }
    $view = Get-ClientState | Where-Object { $_.item -eq $item -and $_.level -eq 'machine' } | Select-Object -First 1
    if ($view.state -eq 'applied') {
        Write-Item -Item $name -Was $view.state -Wanted 'applied' -Result 'as wanted'
    } elseif ($PSCmdlet.ShouldProcess($item, 'starling configure --apply')) {
        $told = Invoke-Host -Arguments @('cli', 'configure', '--apply', $item, '--wait', '60')
        if ($told.ExitCode -eq 0) {
            Write-Item -Item $name -Was $view.state -Wanted 'applied' -Result 'applied'
        } else {
            Write-Item -Item $name -Was $view.state -Wanted 'applied' -Result "failed: $($told.Errors)"
            $script:failed = $true
        }
    } elseif ($null -ne $view.refusal -and $unset.Count -gt 0) {
        # What it is refused for now may be what this run would set.
        Write-Item -Item $name -Was $view.state -Wanted 'applied' -Result "would be applied after the restart, if not refused then too (now: $($view.refusal))"
    } elseif ($null -ne $view.refusal) {
        Write-Item -Item $name -Was $view.state -Wanted 'applied' -Result "would be refused: $($view.refusal)"
    } else {
        Write-Item -Item $name -Was $view.state -Wanted 'applied' -Result 'would be applied'
    }
}
if ($script:failed) { exit 1 }
exit $script:exitCode
