"""Names' extensions: those that ransomware gives to what it encrypts, and those that everybody's files have.

The known ones are the names that families are called by in public write-ups: Defender's template begins with `.locky
.WNCRY .ecc .ezz .exx .zzz .aaa`; the older ones are also in Splunk's lookup `ransomware_extensions` (security_content).
Left out is what ordinary software uses, too: `.abc`, `.xyz`, `.mp3`, `.inc`, `.djvu`, `.perl`, `.code`.
"""

from typing import Final

MAX_CHARS: Final = 32
"""What follows the last dot of a name and is longer is a sentence, not an extension."""


def extension_of(path: str) -> str:
    """The extension of the file's name in `path`, in lower case without its dot; empty where it has none."""
    at = path.rfind(".")
    if at <= 0 or path[at - 1] == "/" or len(path) - at - 1 > MAX_CHARS:
        return ""
    extension = path[at + 1 :]
    return "" if "/" in extension or " " in extension else extension.casefold()


def stem_of(path: str) -> str:
    """`path` without its extension."""
    return path[: path.rfind(".")]


_RANSOMWARE: Final = """
    locky zepto odin thor aesir osiris zzzzz asasin ykcol diablo6 lukitus
    wncry wcry wncryt wnry
    ecc ezz exx zzz aaa ccc vvv micro ttt xxx
    cerber cerber2 cerber3
    crypt cryp1 crypz cryptz crypted crypto cryptolocker ctbl ctb2 encrypt encrypted enciphered encoderpass
    encryptedrsa encryptedaes encedrsa locked lock93 _locked
    lockbit abcd
    ryk ryuk clop cllp ciop conti akira powerranges blackbyte basta bianlian
    rhysida medusa medusalocker 8base eight eking devos phobos faust elbie makop mallox fargo fargo3
    dharma crysis cezar xtbl crinf
    djvus djvuu djvur udjvu rumba puma pumax promok
    gandcrab gdcb krab crab sodinokibi nefilim nephilim offwhite
    egregor maze sekhmet avos avos2 avoslinux cuba babyk babuk v-society cactus cts1 qilin
    ransomexx snatch zeppelin vanhelsing
    interlock 1nt3rlock termite flocked noescape monti
    zcrypt rokku kratos padcrypt coverton fantom globe globe3 purge zyklon crjoker
    radamant rdm rrk kimcilware lechiffre surprise xrtn xort toxcrypt wflx venusf venusp rekt
    r5a r4a darkness nochance oshit hb15 kkk payransom paybtcs payms szf herbst shino
    jsworm nemty pay2key bart weapologize iwanthelpuuu
"""

_COMMON: Final = """
    doc docx docm dot dotx dotm rtf odt ott pages wpd txt md tex log pdf ps eps xps epub mobi
    xls xlsx xlsm xlsb xlt xltx xltm csv tsv ods numbers dif prn
    ppt pptx pptm pps ppsx pot potx odp key
    one onetoc2 pub vsd vsdx vsdm mpp mpt msg eml pst ost mbox ics vcf oft
    jpg jpeg jpe jfif png gif bmp tif tiff webp heic heif svg ico raw cr2 cr3 nef arw dng orf rw2 psd psb ai indd
    idml xcf sketch fig xd afphoto afdesign
    mp3 wav aac m4a ogg flac wma aif aiff mid mp4 m4v mov avi mkv webm wmv flv mpg mpeg mts m2ts vob 3gp srt vtt
    zip 7z rar tar gz tgz bz2 xz zst lz4 cab iso dmg jar war
    dwg dxf dwf dwfx dgn rvt rfa rte ifc nwd nwc nwf skp 3ds max blend obj fbx stl step stp iges igs sat ipt iam idw
    sldprt sldasm slddrw catpart catproduct prt asm x_t 3dm gltf glb shp shx dbf prj kml kmz gpx las laz e57 rcp xyz
    html htm xml xhtml css scss js mjs ts tsx jsx json yaml yml toml ini cfg conf properties php py ipynb rb java
    class c h cpp hpp cs go rs swift kt sh bat cmd ps1 psm1 vb vbs sql r rmd m mat do dta sav spv sas7bdat rdata rds
    db sqlite mdb accdb bak bkp backup old orig tmp temp swp part crdownload download partial lock lnk url webloc
    exe dll msi apk ipa app deb rpm bin dat img vhd vhdx vmdk ova ttf otf woff woff2
    sig p7m p7s p12 pfx pem cer crt der asc gpg pgp sha256 md5 torrent djvu gdoc gsheet gslides gdraw egnyte wbk asd
    parquet avro orc feather hdf5 h5 nc fits dcm nii qbw qbb qbo qif ofx tax sdf ldf mdf
"""

RANSOMWARE: Final = frozenset(_RANSOMWARE.split())
COMMON: Final = frozenset(_COMMON.split())
"""What a file may become without anybody wondering: documents, pictures, drawings, code, archives, copies."""
