# Part of the stand-in for SMT, which is not packaged for Debian: the functions that its commands share.
package SMT;
use strict;
use warnings;
use Config::IniFiles;
use DBI;
use LWP::UserAgent;
use POSIX ();
use URI;

# Returns the configuration; the value of a missing section or key is undef.
sub config {
    return Config::IniFiles->new(-file => '/etc/smt.conf') // die "Cannot read the SMT configuration file: @Config::IniFiles::errors\n";
}

# Switches from root to the user in the configuration.
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

# Returns a connection to SMT's database, which dies on errors.
sub database {
    my $config = config();
    my $dsn = $config->val('DB', 'config') or die "Invalid Database configuration. Missing value for DB/config.\n";
    my @account = map { $config->val('DB', $_) // '' } 'user', 'pass';
    return DBI->connect($dsn, @account, { RaiseError => 1, PrintError => 0, AutoCommit => 1 });
}

# Returns a function that requests a URL and returns the response. It passes the content in pieces to the second argument,
# if there is one. It sends the mirror credentials to the server of NUUrl only.
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
