# Part of the stand-in for SMT, which is not packaged for Debian: what its handlers of requests share. Each of Apache's
# interpreters has a connection to the database of its own. As with the real SMT, each statement is a transaction.
package SMT::Web;
use strict;
use warnings;
use Apache2::Access ();
use Apache2::Connection ();
use Apache2::Const -compile => qw(OK AUTH_REQUIRED);
use Apache2::Log ();
use Apache2::RequestIO ();
use Apache2::RequestRec ();
use Apache2::RequestUtil ();
use APR::Table ();
use Config::IniFiles;
use DBI;
use Exporter 'import';
use POSIX ();

our @EXPORT_OK = qw(setting database rows product_id body authorized basic_auth now local_url local_id store patchstatus_job xml text);

my $file = '/etc/smt.conf';
my ($config, $read) = (undef, '');

# setting SECTION KEY: a value of the configuration. It is read again when the file has changed.
sub setting {
    my $state = join ' ', (stat $file)[ 0, 1, 7, 9 ];
    if ($state ne $read) {
        $config = Config::IniFiles->new(-file => $file) // die "Cannot read the SMT configuration file: @Config::IniFiles::errors\n";
        $read = $state;
    }
    return $config->val(@_) // '';
}

sub database {
    return DBI->connect_cached(setting('DB', 'config'), setting('DB', 'user'), setting('DB', 'pass'),
        { RaiseError => 1, PrintError => 0, AutoCommit => 1 });
}

# rows STATEMENT VALUE…: what a query finds, as a list of hashes.
sub rows {
    my ($statement, @values) = @_;
    return @{ database()->selectall_arrayref($statement, { Slice => {} }, @values) };
}

# product_id NAME VERSION RELEASE ARCH: the number of the product that fits best. What a product leaves open fits everything.
sub product_id {
    my @wanted = map { defined $_ ? lc $_ : undef } @_;
    my ($name, @rest) = @wanted;
    my @found = rows(
        'SELECT ID, VERSIONLOWER, RELLOWER, ARCHLOWER FROM Products WHERE PRODUCTLOWER = ? AND (VERSIONLOWER = ? OR VERSIONLOWER IS NULL)
        AND (RELLOWER = ? OR RELLOWER IS NULL) AND (ARCHLOWER = ? OR ARCHLOWER IS NULL)
        ORDER BY VERSIONLOWER DESC, RELLOWER DESC, ARCHLOWER DESC', $name, @rest);
    my $same = join "\0", map { $_ // '' } @rest;
    my ($exact) = grep { join("\0", map { $_ // '' } @$_{qw(VERSIONLOWER RELLOWER ARCHLOWER)}) eq $same } @found;
    return ($exact // $found[0] // {})->{ID};
}

sub body {
    my $request = shift;
    my $text = '';
    while ($request->read(my $part, 65536)) { $text .= $part }
    return $text;
}

# authorized REQUEST: whether it has the login and the secret of a client.
sub authorized {
    my $request = shift;
    my ($status, $secret) = $request->get_basic_auth_pw;
    return 0 if $status != Apache2::Const::OK || ($request->user // '') eq '' || $secret eq '';
    return scalar rows('SELECT GUID FROM Clients WHERE GUID = ? AND SECRET = ?', $request->user, $secret);
}

# basic_auth REQUEST: asks for credentials.
sub basic_auth {
    my $request = shift;
    $request->note_basic_auth_failure;
    return Apache2::Const::AUTH_REQUIRED;
}

sub now { return POSIX::strftime('%Y-%m-%d %H:%M:%S', localtime) }

# local_url: this server's URL for clients, without a slash at the end.
sub local_url {
    my $url = setting('LOCAL', 'url') =~ s{[\s/]*$}{}r;
    return $url =~ /^http/ ? $url : die "Invalid url parameter in smt.conf. Please fix the url parameter in the [LOCAL] section.\n";
}

# local_id: the name that clients give this server's service, and the file with their credentials.
sub local_id { return ("SMT-" . local_url()) =~ s{:*/+}{_}gr =~ tr/./_/r }

# store GUID KEY VALUE…: adds what a client has told of its machine.
sub store {
    my ($guid, @data) = @_;
    while (my ($key, $value) = splice @data, 0, 2) {
        database()->do('INSERT INTO MachineData (GUID, KEYNAME, VALUE) VALUES (?, ?, ?)', undef, $guid, $key, $value);
    }
}

# patchstatus_job GUID: gives the client its first job, once.
sub patchstatus_job {
    my $guid = shift;
    my ($client) = rows('SELECT ID FROM Clients WHERE GUID = ?', $guid);
    return if !$client || rows('SELECT ID FROM JobQueue WHERE GUID_ID = ? AND TYPE = 1', $client->{ID});
    database()->do("INSERT INTO JobQueue (GUID_ID, TYPE, PERSISTENT, NAME, DESCRIPTION, TIMELAG)
        VALUES (?, 1, 1, 'Patchstatus Job', ?, '23:00:00')", undef, $client->{ID}, "Patchstatus Job for Client $guid");
}

# xml NAME [ATTRIBUTE VALUE]… [CONTENT]: an element. The content is XML; attributes' values are text.
sub xml {
    my $name = shift;
    my $content = @_ % 2 ? pop : '';
    my $start = "<$name";
    while (my ($attribute, $value) = splice @_, 0, 2) { $start .= qq( $attribute=") . text($value) . '"' }
    return $content eq '' ? "$start/>" : "$start>$content</$name>";
}

# text TEXT: as it stands in XML.
sub text {
    my $text = shift // '';
    my %names = ('&' => 'amp', '<' => 'lt', '>' => 'gt', '"' => 'quot');
    return $text =~ s/([&<>"])/&$names{$1};/gr;
}

1;
