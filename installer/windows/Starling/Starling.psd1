@{
    RootModule           = 'Starling.psm1'
    ModuleVersion        = '0.1.0'
    GUID                 = '5f0f7a63-0c8e-4a53-9a3b-8d2f6c1e7b94'
    Author               = 'Starling'
    CompanyName          = 'Starling'
    Copyright            = '(c) Starling. Apache License 2.0.'
    Description          = 'What the Starling agent of this computer does: its downloads, its peers, its policy and its health, under the names of the Delivery Optimization cmdlets.'
    PowerShellVersion    = '5.1'
    CompatiblePSEditions = @('Desktop', 'Core')
    FormatsToProcess     = @('Starling.Format.ps1xml')
    FunctionsToExport    = @(
        'Clear-StarlingCache',
        'Get-StarlingPeer',
        'Get-StarlingPerfSnap',
        'Get-StarlingPolicy',
        'Get-StarlingStatus',
        'Test-Starling'
    )
    CmdletsToExport      = @()
    VariablesToExport    = @()
    AliasesToExport      = @()
    PrivateData          = @{ PSData = @{ Tags = @('Starling', 'DeliveryOptimization', 'PeerToPeer', 'Windows') } }
}
