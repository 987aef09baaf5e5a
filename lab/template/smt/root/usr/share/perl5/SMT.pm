# Part of the stand-in for SMT, which is not packaged for Debian: what its commands share.
package SMT;
use strict;
use warnings;
use Config::IniFiles;
use DBI;
use LWP::UserAgent;
use POSIX ();
use URI;

# The configuration; a section and key that are not there are undef.
sub config {
    return Config::IniFiles->new(-file => '/etc/smt.conf') // die "Cannot read the SMT configuration file: @Config::IniFiles::errors\n";
}

# As root, goes on as the user of the configuration.
sub drop_privileges {
    return if $> != 0;
    my $name = config()->val('LOCAL', 'smtUser') || 'smt';
    return if $name eq 'root';
    my (undef, undef, $uid, $gid, undef, undef, undef, $home) = getpwnam $name or refuse();
    $( = $gid;
    $) = "$gid $gid";
    POSIX::setuid($uid) or refuse();
    $> == $uid or refuse();
    $ENV{HOME} = $home;
    chdir $home;
}

sub refuse {
    print STDERR "Unable to drop privileges. Abort!\n";
    exit 1;
}

# A connection to SMT's database; it dies of errors.
sub database {
    my $config = config();
    my $dsn = $config->val('DB', 'config') or die "Invalid Database configuration. Missing value for DB/config.\n";
    my @account = map { $config->val('DB', $_) // '' } 'user', 'pass';
    return DBI->connect($dsn, @account, { RaiseError => 1, PrintError => 0, AutoCommit => 1 });
}

# A function that gets a URL, to a sub that takes pieces if given, and returns the response. Only the server of NUUrl is told the
# mirror credentials.
sub getter {
    my $config = shift;
    my $agent = LWP::UserAgent->new(keep_alive => 1, timeout => 130);
    my $server = URI->new($config->val('NU', 'NUUrl'))->host_port;
    return sub {
        my ($url, $sink) = @_;
        my $request = HTTP::Request->new(GET => $url);
        if ($request->uri->host_port eq $server) {
            $request->authorization_basic(map { $config->val('NU', $_) // '' } 'NUUser', 'NUPass');
        }
        return $agent->request($request, $sink ? $sink : ());
    };
}

1;
