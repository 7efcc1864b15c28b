// For an office: instances that are ready, several zones, a database that nothing on the internet reaches.
using 'main.bicep'

param name = 'coprod'
param sqlAdmin = { name: '<name of the group>', objectId: '<its id>', type: 'Group' }
param sqlSku = { name: 'GP_Gen5', tier: 'GeneralPurpose', family: 'Gen5', capacity: 2 }
param sqlRestoreDays = 35
param sqlBackupRedundancy = 'Geo'
param privateNetwork = true
param zoneRedundant = true
param mailDomain = '<the office\'s domain>'
param mailDomainVerified = false
param mailName = 'Biuro'
param alertEmails = ['<address>']
param logRetentionDays = 90
param budgetAmount = 900
param budgetStart = '2026-12-01'
param alwaysReadyHttp = 2
// All instances together may use 160 of the database's 200 connections.
param settings = { Email__ReplyTo: '<the office\'s address>', Sql__ConnectionsMax: '4' }

param secretValues = json(readEnvironmentVariable('SECRET_VALUES', '{}'))
