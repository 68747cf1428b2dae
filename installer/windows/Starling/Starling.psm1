#Requires -Version 5.1
# The agent of this computer, asked through its local API. Whoever may sign in may look; what changes something, and what tells the agent's settings, needs the
# token in the data folder, which only administrators can read. Fields have the names of Delivery Optimization's own cmdlets where they mean the same.
# This file is ASCII: Windows PowerShell 5.1 reads a file without a byte order mark in the code page of the system.
Set-StrictMode -Version Latest

$script:defaultPagePort = 17832
$script:answerWithinMs = 15000

# --- Where the agent is --------------------------------------------------------------------------------------------

function Get-RegistryValue {
    param([string] $Path, [string] $Name)
    $key = Get-ItemProperty -Path $Path -Name $Name -ErrorAction SilentlyContinue
    if ($null -eq $key) { return $null }
    return $key.$Name
}

function Get-DataFolder {
    $named = Get-RegistryValue -Path 'HKLM:\SOFTWARE\Starling' -Name 'DataDir'
    if ($named) { return $named }
    return (Join-Path -Path $env:ProgramData -ChildPath 'Starling')
}

# The machine's policy counts before what was given at the installation, as in the agent itself.
function Get-PageAddress {
    $port = Get-RegistryValue -Path 'HKLM:\SOFTWARE\Policies\Starling' -Name 'pagePort'
    if ($null -eq $port) { $port = Get-RegistryValue -Path 'HKLM:\SOFTWARE\Starling\Environment' -Name 'STARLING_PAGE_PORT' }
    if ([string]::IsNullOrEmpty([string] $port)) { $port = $script:defaultPagePort }
    if ([int] $port -ne 0) { return 'http://127.0.0.1:{0}' -f [int] $port }
    # The system has chosen: the running agent has written down which.
    $file = Join-Path -Path (Get-DataFolder) -ChildPath 'agent.json'
    try {
        $running = Get-Content -LiteralPath $file -Raw -Encoding UTF8 -ErrorAction Stop | ConvertFrom-Json
        return $running.page
    } catch {
        throw (New-StarlingError -Id 'NoAddress' -Category 'ObjectNotFound' -Message (
                "The agent's port is chosen by the system, and $file, which tells it, cannot be read ($($_.Exception.Message)). " +
                'Run this as administrator while the agent runs, or set a fixed port (pagePort).'))
    }
}

function Get-PageToken {
    $file = Join-Path -Path (Get-DataFolder) -ChildPath 'page.token'
    try {
        return (Get-Content -LiteralPath $file -Raw -ErrorAction Stop).Trim()
    } catch [System.Management.Automation.ItemNotFoundException] {
        throw (New-StarlingError -Id 'NoToken' -Category 'ObjectNotFound' -Message (
                "There is no $file. Start the agent once (Start-Service Starling), or run this as administrator if the folder is closed to you."))
    } catch {
        throw (New-StarlingError -Id 'NoToken' -Category 'PermissionDenied' -Message (
                "$file cannot be read ($($_.Exception.Message)). Run this in a PowerShell that was started as administrator."))
    }
}

# --- How it is asked -----------------------------------------------------------------------------------------------

function New-StarlingError {
    param(
        [string] $Id,
        [string] $Message,
        [System.Management.Automation.ErrorCategory] $Category = 'NotSpecified'
    )
    $exception = [System.InvalidOperationException]::new($Message)
    return [System.Management.Automation.ErrorRecord]::new($exception, $Id, $Category, $null)
}

function Read-Answer {
    param($Response)
    $reader = [System.IO.StreamReader]::new($Response.GetResponseStream(), [System.Text.Encoding]::UTF8)
    try { return $reader.ReadToEnd() } finally { $reader.Dispose() }
}

# One way for both editions: Invoke-RestMethod would ask through the system's proxy in one of them and hide the text of errors in the other.
function Invoke-StarlingApi {
    param(
        [Parameter(Mandatory = $true)] [string] $Path,
        [ValidateSet('GET', 'DELETE')] [string] $Method = 'GET',
        [switch] $WithToken
    )
    $address = (Get-PageAddress) + $Path
    $request = [System.Net.WebRequest]::Create($address)
    $request.Method = $Method
    $request.Proxy = $null
    $request.Timeout = $script:answerWithinMs
    if ($WithToken) { $request.Headers.Add('Authorization', 'Bearer ' + (Get-PageToken)) }
    try {
        $response = $request.GetResponse()
    } catch {
        $failure = $_.Exception
        while ($null -ne $failure -and $failure -isnot [System.Net.WebException]) { $failure = $failure.InnerException }
        if ($null -eq $failure -or $null -eq $failure.Response) {
            throw (New-StarlingError -Id 'NoAgent' -Category 'ConnectionError' -Message (
                    "The Starling agent does not answer at $address ($($_.Exception.Message)). Is it running? " +
                    'Get-Service Starling shows it, Start-Service Starling starts it; its log is in the data folder and in the event log, source Starling.'))
        }
        $text = Read-Answer -Response $failure.Response
        try { $told = ($text | ConvertFrom-Json).error } catch { $told = $null }
        if ($null -eq $told) {
            throw (New-StarlingError -Id 'NoStarling' -Category 'ProtocolError' -Message (
                    "What listens at $address is no Starling agent: it answered $([int] $failure.Response.StatusCode). " +
                    'Look with Get-NetTCPConnection who has that port, or set another one (pagePort).'))
        }
        throw (New-StarlingError -Id $told.code -Category 'InvalidOperation' -Message $told.message)
    }
    try { $text = Read-Answer -Response $response } finally { $response.Dispose() }
    if ($text.Length -gt 0) { return ($text | ConvertFrom-Json) }
}

function ConvertTo-LocalTime {
    param($Value)
    if ($null -eq $Value) { return $null }
    # Milliseconds since 1970, or a text that PowerShell 7 has made a time of already.
    if ($Value -is [string] -or $Value -is [datetime]) { return ([datetime] $Value).ToLocalTime() }
    return [System.DateTimeOffset]::FromUnixTimeMilliseconds([long] $Value).LocalDateTime
}

function Add-TypeName {
    param($InputObject, [string] $Name)
    $InputObject.PSObject.TypeNames.Insert(0, $Name)
    return $InputObject
}

# --- The commands --------------------------------------------------------------------------------------------------

function Get-StarlingStatus {
    <#
    .SYNOPSIS
    Shows each content that the Starling agent downloads or keeps.
    .DESCRIPTION
    One object for each content, with the fields of Get-DeliveryOptimizationStatus: how large it is, how much of it is here, and how many bytes came from peers, from a
    gateway (BytesFromCacheServer) and over the WAN (BytesFromHttp). Bytes are counted since the agent started.
    .PARAMETER FileId
    Only these contents.
    .PARAMETER Status
    Only contents in this state. Caching: complete, and kept for others. Paused: incomplete, and nobody wants it now.
    .EXAMPLE
    Get-StarlingStatus

    Lists all contents.
    .EXAMPLE
    Get-StarlingStatus -Status Downloading | Sort-Object -Property TotalBytesDownloaded -Descending

    What is on its way, the largest part first.
    .EXAMPLE
    Get-StarlingStatus | Measure-Object -Property BytesFromPeers, BytesFromHttp -Sum

    How much peers have brought, and how much crossed the WAN.
    .LINK
    Get-StarlingPerfSnap
    .LINK
    about_Starling
    #>
    [CmdletBinding()]
    [OutputType('Starling.Status')]
    param(
        [Parameter(Position = 0, ValueFromPipelineByPropertyName = $true)]
        [string[]] $FileId,

        [ValidateSet('Downloading', 'Complete', 'Caching', 'Paused')]
        [string[]] $Status
    )
    process {
        foreach ($content in @(Invoke-StarlingApi -Path '/api/v1/delivery-status')) {
            if ($FileId -and $FileId -notcontains $content.FileId) { continue }
            if ($Status -and $Status -notcontains $content.Status) { continue }
            $content.ExpireOn = ConvertTo-LocalTime -Value $content.ExpireOn
            Add-TypeName -InputObject $content -Name 'Starling.Status'
        }
    }
}

function Get-StarlingPerfSnap {
    <#
    .SYNOPSIS
    Shows what the Starling agent has done since it started, and this month.
    .DESCRIPTION
    The fields are those of Get-DeliveryOptimizationPerfSnap; ThisMonth has the bytes of this calendar month by source, over restarts.
    .EXAMPLE
    Get-StarlingPerfSnap

    Shows all figures.
    .EXAMPLE
    (Get-StarlingPerfSnap).ThisMonth

    What came from the LAN, from gateways and from the origins this month, and what was given to peers.
    .LINK
    Get-StarlingStatus
    .LINK
    about_Starling
    #>
    [CmdletBinding()]
    [OutputType('Starling.PerfSnap')]
    param()
    process {
        Add-TypeName -InputObject (Invoke-StarlingApi -Path '/api/v1/perfsnap') -Name 'Starling.PerfSnap'
    }
}

function Get-StarlingPeer {
    <#
    .SYNOPSIS
    Shows the agents that the Starling agent of this computer is connected with.
    .DESCRIPTION
    One object for each peer: where it is, how far, and what went between the two since the agent started.
    .EXAMPLE
    Get-StarlingPeer

    Lists all peers.
    .EXAMPLE
    Get-StarlingPeer | Where-Object -Property Role -EQ -Value gateway

    The gateways among them.
    .LINK
    Test-Starling
    .LINK
    about_Starling
    #>
    [CmdletBinding()]
    [OutputType('Starling.Peer')]
    param()
    process {
        $info = Invoke-StarlingApi -Path '/api/v1/peer-info'
        foreach ($peer in @($info.peers)) {
            [pscustomobject] @{
                PSTypeName         = 'Starling.Peer'
                Id                 = $peer.id
                Site               = $peer.site
                Role               = $peer.role
                Address            = $peer.address
                ConnectedAt        = ConvertTo-LocalTime -Value $peer.connectedAt
                RoundTripMs        = $peer.roundTripMs
                BytesFrom          = $peer.bytesFrom
                BytesTo            = $peer.bytesTo
                DownBytesPerSecond = $peer.downBytesPerSecond
                UpBytesPerSecond   = $peer.upBytesPerSecond
            }
        }
    }
}

function Get-StarlingPolicy {
    <#
    .SYNOPSIS
    Shows which policies are set on this computer, and where each comes from.
    .DESCRIPTION
    Each policy with the value that is in force and its source: registry (Group Policy), command line, environment, file, coordinator. What waits for a restart of the service says so.
    Needs a PowerShell that was started as administrator.
    .PARAMETER Name
    Only these policies; wildcards are allowed.
    .PARAMETER All
    Also those that nobody has set, with their defaults.
    .EXAMPLE
    Get-StarlingPolicy

    What is set.
    .EXAMPLE
    Get-StarlingPolicy -Name DO*Bandwidth -All

    All limits of Delivery Optimization's names, with the defaults.
    .LINK
    about_Starling
    #>
    [CmdletBinding()]
    [OutputType('Starling.Policy')]
    param(
        [Parameter(Position = 0)]
        [SupportsWildcards()]
        [string[]] $Name = '*',

        [switch] $All
    )
    process {
        $view = Invoke-StarlingApi -Path '/api/v1/policy' -WithToken
        foreach ($value in @($view.values)) {
            if (-not ($Name | Where-Object { $value.name -like $_ })) { continue }
            $origin = $value.origin
            $waiting = $value.waiting
            if (-not $All -and $origin.kind -eq 'default' -and $null -eq $waiting) { continue }
            [pscustomobject] @{
                PSTypeName     = 'Starling.Policy'
                Name           = $value.name
                Value          = $value.value
                Source         = $origin.kind
                Place          = $origin.name
                RestartPending = $null -ne $waiting
                NextValue      = $(if ($null -ne $waiting) { $waiting.value })
            }
        }
    }
}

function Test-Starling {
    <#
    .SYNOPSIS
    Checks what is well with the Starling agent of this computer, and tells what to do about the rest.
    .DESCRIPTION
    The same checks as `starling doctor`: coordinator, gateway, multicast, firewall, disk, clock, policy, proxy, clients. With -Quiet the answer is $true when nothing is bad,
    and $false also where the agent does not answer: for scripts and for compliance rules.
    .PARAMETER Quiet
    Only whether it is well.
    .EXAMPLE
    Test-Starling

    Lists the checks, with advice.
    .EXAMPLE
    if (-not (Test-Starling -Quiet)) { Test-Starling | Where-Object -Property State -EQ -Value bad }

    Only what is wrong.
    .LINK
    about_Starling
    #>
    [CmdletBinding()]
    [OutputType('Starling.Check', [bool])]
    param([switch] $Quiet)
    process {
        if ($Quiet) {
            try { $health = Invoke-StarlingApi -Path '/api/v1/health' } catch { return $false }
            return $health.state -ne 'bad'
        }
        $health = Invoke-StarlingApi -Path '/api/v1/health'
        foreach ($check in @($health.checks)) {
            [pscustomobject] @{
                PSTypeName = 'Starling.Check'
                Name       = $check.name
                State      = $check.state
                Text       = $check.text
                Advice     = $check.advice
            }
        }
    }
}

function Clear-StarlingCache {
    <#
    .SYNOPSIS
    Removes contents from the cache of the Starling agent of this computer.
    .DESCRIPTION
    Removes all contents, or those that are named. Pinned ones stay unless -IncludePinnedFiles is given. Other computers keep what they have; to take a content back
    everywhere, purge it at the coordinator or with `starling cache purge`. Needs a PowerShell that was started as administrator.
    .PARAMETER FileId
    Only these contents (Get-StarlingStatus shows their ids).
    .PARAMETER IncludePinnedFiles
    Pinned contents, too.
    .PARAMETER Force
    Without asking.
    .EXAMPLE
    Clear-StarlingCache -WhatIf

    Shows what would be removed.
    .EXAMPLE
    Get-StarlingStatus -Status Paused | Clear-StarlingCache -Force

    Removes what is incomplete and nobody wants.
    .LINK
    Get-StarlingStatus
    .LINK
    about_Starling
    #>
    [CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'High')]
    param(
        [Parameter(Position = 0, ValueFromPipelineByPropertyName = $true)]
        [string[]] $FileId,

        [switch] $IncludePinnedFiles,

        [switch] $Force
    )
    begin {
        if ($Force -and -not $PSBoundParameters.ContainsKey('Confirm')) { $ConfirmPreference = 'None' }
        $wanted = New-Object -TypeName 'System.Collections.Generic.List[string]'
        $isNamed = $false
    }
    process {
        if ($PSBoundParameters.ContainsKey('FileId')) {
            $isNamed = $true
            foreach ($id in $FileId) { $wanted.Add($id) }
        }
    }
    end {
        # A pipeline that brought nothing names nothing, and must not empty the cache.
        if ($MyInvocation.ExpectingInput -and -not $isNamed) { return }
        foreach ($content in @(Invoke-StarlingApi -Path '/api/v1/delivery-status')) {
            if ($isNamed -and $wanted -notcontains $content.FileId) { continue }
            if ($content.IsPinned -and -not $IncludePinnedFiles) {
                Write-Verbose -Message "$($content.FileId) is pinned and stays; -IncludePinnedFiles removes it, too."
                continue
            }
            $shown = '{0} ({1}, {2:N0} bytes)' -f $content.FileId, $content.SourceURL, $content.FileSizeInCache
            if (-not $PSCmdlet.ShouldProcess($shown, 'Remove from the cache')) { continue }
            try {
                Invoke-StarlingApi -Path "/api/v1/cache/$($content.FileId)" -Method DELETE -WithToken | Out-Null
            } catch {
                if ($_.FullyQualifiedErrorId -notlike 'unknown-transfer*') { throw }
                Write-Verbose -Message "$($content.FileId) was gone already."
            }
        }
    }
}

Export-ModuleMember -Function @(
    'Clear-StarlingCache',
    'Get-StarlingPeer',
    'Get-StarlingPerfSnap',
    'Get-StarlingPolicy',
    'Get-StarlingStatus',
    'Test-Starling'
)
