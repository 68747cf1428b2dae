<#
.SYNOPSIS
Brings the Starling agent of this computer into the state that is asked for, and changes nothing that is so already.
.DESCRIPTION
For computers without Group Policy, ConfigMgr or Intune: from a logon or start-up script, a scheduled task, or by hand. It looks first (version, settings, service), applies what
differs, and reports each item. With -WhatIf it only reports. Exit code: 0 done, 3010 done after the next restart, 1 failed.
.PARAMETER Msi
The package, also on a share.
.PARAMETER Sha256
What the package must hash to (the file .sha256 beside it). Give it where the share can be written by others.
.PARAMETER TicketFile
A file with the ticket to join with, readable for whom this runs as alone. It is used only where the agent is not installed yet.
.PARAMETER Property
Properties of the package, like @{ SITE = 'north'; CACHESIZE = '50GiB' }; docs/DEPLOY.md lists them.
.PARAMETER Log
Where Windows Installer writes its log.
.EXAMPLE
.\Install-Starling.ps1 -Msi \\files\deploy\starling-0.1.0-x64.msi -WhatIf
.EXAMPLE
.\Install-Starling.ps1 -Msi .\starling-0.1.0-x64.msi -TicketFile .\ticket.txt -Property @{ SITE = 'north'; CONFIGUREDO = '1' }
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

# What the package remembers in the registry, where the service takes its environment from.
$variables = @{
    COORDINATOR = 'STARLING_COORDINATOR_ADDRESSES'
    SITE        = 'STARLING_SITE'
    UPSTREAM    = 'STARLING_UPSTREAM_PROXIES'
    CACHEDIR    = 'STARLING_POLICY_DO_MODIFY_CACHE_DRIVE'
    CACHESIZE   = 'STARLING_CACHE_QUOTA'
    PROXYPORT   = 'STARLING_PROXY_PORT'
    PAGEPORT    = 'STARLING_PAGE_PORT'
}
$settingsKey = 'HKLM:\SOFTWARE\Starling\Environment'
$script:exitCode = 0
$script:restartNeeded = $false

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
foreach ($name in $Property.Keys) {
    if ($name -notmatch '^[A-Z][A-Z0-9]*$' -or [string] $Property[$name] -match '"') {
        throw "The property $name cannot be given: names are capitals, and values hold no quotes."
    }
    if ($name -eq 'TICKET') { throw 'Give the ticket as a file (-TicketFile), not in -Property.' }
}

# --- The version -------------------------------------------------------------------------------------------------
$wantedVersion = Get-MsiVersion -Path $package
$installed = Get-InstalledValue -Path 'HKLM:\SOFTWARE\Starling' -Name 'Version'
$isThere = $installed -ne '' -and $null -ne (Get-Service -Name Starling -ErrorAction SilentlyContinue)
$arguments = @()
foreach ($name in $Property.Keys) { $arguments += '{0}="{1}"' -f $name, $Property[$name] }
if ($isThere -and [version] $installed -ge $wantedVersion) {
    Write-Item -Item 'Version' -Was $installed -Wanted "$wantedVersion or newer" -Result 'as wanted'
} elseif ($PSCmdlet.ShouldProcess("Starling $wantedVersion", 'Install')) {
    if ($TicketFile -and -not $isThere) {
        $arguments += 'TICKET="{0}"' -f (Get-Content -LiteralPath $TicketFile -Raw).Trim()
    }
    Install-Package -File $package -Arguments $arguments
    Write-Item -Item 'Version' -Was $installed -Wanted "$wantedVersion" -Result 'installed'
} else {
    Write-Item -Item 'Version' -Was $installed -Wanted "$wantedVersion" -Result 'would be installed'
}

# --- The settings ------------------------------------------------------------------------------------------------
foreach ($name in $Property.Keys) {
    if (-not $variables.ContainsKey($name)) { continue }
    $variable = $variables[$name]
    $was = Get-InstalledValue -Path $settingsKey -Name $variable
    $wanted = [string] $Property[$name]
    if ($was -eq $wanted) {
        Write-Item -Item $name -Was $was -Wanted $wanted -Result 'as wanted'
    } elseif ($PSCmdlet.ShouldProcess("$settingsKey $variable", "Set to $wanted")) {
        if (-not (Test-Path -Path $settingsKey)) { New-Item -Path $settingsKey -Force | Out-Null }
        Set-ItemProperty -Path $settingsKey -Name $variable -Value $wanted
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
        if ($service.StartType -ne 'Automatic') {
            # Delayed, as the package has it; Set-Service knows that only in PowerShell 7.
            & "$env:SystemRoot\System32\sc.exe" config Starling start= delayed-auto | Out-Null
        }
        Restart-Service -Name Starling
        Write-Item -Item 'Service' -Was $was -Wanted 'Automatic, Running' -Result 'started'
    } else {
        Write-Item -Item 'Service' -Was $was -Wanted 'Automatic, Running' -Result 'would be started'
    }
} else {
    Write-Item -Item 'Service' -Was 'Automatic, Running' -Wanted 'Automatic, Running' -Result 'as wanted'
}
exit $script:exitCode
