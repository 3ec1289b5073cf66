#!/usr/bin/perl
# Seeds a fresh Request Tracker: a queue, the custom field ExternalID, an auth token, and a scrip that posts a signed
# callback whenever a status changes, as an administrator of RT would set one up for Bitewing.
use strict; use warnings;
use lib '/usr/share/request-tracker5/lib';
use RT -init;
my $q = RT::Queue->new(RT->SystemUser);
$q->Create(Name=>'Smile Dental', Description=>'practice');
my $cf = RT::CustomField->new(RT->SystemUser);
$cf->Create(Name=>'ExternalID', Type=>'FreeformSingle', LookupType=>'RT::Queue-RT::Ticket', MaxValues=>1);
my $everywhere = RT::Queue->new(RT->SystemUser);  # object 0
$cf->AddToObject($everywhere);
my $root = RT::User->new(RT->SystemUser); $root->Load('root');
my $t = RT::AuthToken->new(RT::CurrentUser->new($root));
my ($tid, $tmsg, $auth) = $t->Create(Owner=>$root->Id, Description=>'test');
print "TOKEN $auth\n";
my $s = RT::Scrip->new(RT->SystemUser);
$s->Create(Queue=>0, Description=>'callback', ScripCondition=>'On Status Change', ScripAction=>'User Defined', Template=>'Blank',
 CustomPrepareCode=>'return 1;', CustomCommitCode=><<'P');
use LWP::UserAgent; use JSON; use Digest::SHA qw(hmac_sha256_hex);
my $b = JSON->new->canonical->encode({ticket=>$self->TicketObj->Id+0, old=>$self->TransactionObj->OldValue, status=>$self->TransactionObj->NewValue, external_id=>$self->TicketObj->FirstCustomFieldValue('ExternalID'), txn=>$self->TransactionObj->Id+0});
my $ua = LWP::UserAgent->new(timeout=>5);
$ua->post($ENV{CALLBACK_URL}, 'Content-Type'=>'application/json', 'X-RT-Signature'=>'sha256='.hmac_sha256_hex($b, $ENV{CALLBACK_SECRET}), Content=>$b);
return 1;
P
