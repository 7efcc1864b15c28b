// For an office: instances that are ready, several zones, a database that nothing on the internet reaches.
using 'main.bicep'

param name = 'coprod'
param sqlAdmin = { name: '<name of the group>', objectId: '00000000-0000-0000-0000-000000000000', type: 'Group' }
param sqlSku = { name: 'GP_Gen5', tier: 'GeneralPurpose', family: 'Gen5', capacity: 2 }
param sqlRestoreDays = 35
param sqlBackupRedundancy = 'Geo'
param privateNetwork = true
param zoneRedundant = true
param mailDomain = '<the office\'s domain>'
param mailDomainVerified = false
param mailSender = 'biuro'
param mailName = 'Biuro'
param alertEmails = ['<address>']
param logRetentionDays = 90
param budgetAmount = 500
param budgetStart = '2026-12-01'
param alwaysReadyHttp = 2
param settings = {}

param secretValues = json(readEnvironmentVariable('SECRET_VALUES', '{}'))
